# The proxy's pure half (proxy/pure.cmake).
foreach(name
		access
		access_line
		answer
		file_policy
		forward_head
		h2_head
		http_body
		http_date
		http_field
		http_head
		http_path
		http_response
		mime
		route
		waiting
	)
	sluice_unit_test(http ${name})
endforeach()
