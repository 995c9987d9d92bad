# The proxy's pure half (proxy/pure.cmake).
foreach(name
		access
		access_line
		answer
		balance
		client
		file_policy
		forward_head
		h2_guard
		health
		h2_head
		head_rules
		http_body
		http_date
		http_field
		http_head
		http_path
		http_response
		mime
		request_key
		rewrite
		route
		waiting
		ws_border
	)
	sluice_unit_test(http ${name})
endforeach()
