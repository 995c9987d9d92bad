-- The objects that wrk asks for: N of them, the k-th in 1 / k^EXPONENT of the requests; or, with the
-- word "from", each in its turn behind the one of that number.
--
--	wrk -s zipf.lua URL -- PATH N EXPONENT
--	wrk -s zipf.lua URL -- PATH N from NUMBER

local path, objects, sums, turn

function init(args)
	path, objects = args[1], tonumber(args[2])
	if args[3] == "from" then
		turn = tonumber(args[4])
		return
	end
	sums = {}
	local sum = 0
	for k = 1, objects do
		sum = sum + k ^ -tonumber(args[3])
		sums[k] = sum
	end
	math.randomseed(7)
end

local function pick()
	local at = math.random() * sums[objects]
	local low, high = 1, objects
	while low < high do
		local middle = math.floor((low + high) / 2)
		if sums[middle] < at then
			low = middle + 1
		else
			high = middle
		end
	end
	return low
end

function request()
	if turn then
		turn = turn % objects + 1
	end
	return wrk.format("GET", path .. (turn or pick()))
end
