-- Gives answers the HTTP status that the service chose, and gives bare gRPC failures (a crash, a
-- deadline, a message too large) the shape of Elasticsearch's errors. Refuses what has no business
-- here before it reaches the transcoder.

local types = {
  ["3"] = "illegal_argument_exception",
  ["5"] = "resource_not_found_exception",
  ["8"] = "rejected_execution_exception",
  ["12"] = "not_implemented_exception",
}
-- the text of these is for people outside; that of all others stays inside
local told = { ["3"] = true, ["5"] = true, ["8"] = true, ["12"] = true }
local own = { "x-http-status", "grpc-status", "grpc-message", "grpc-status-details-bin",
              "grpc-accept-encoding", "grpc-encoding" }
local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return escapes[c] or string.format("\\u%04x", c:byte())
  end) .. '"'
end

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local function error_body(kind, reason, status)
  local cause = '"type":' .. quoted(kind) .. ',"reason":' .. quoted(reason)
  return '{"error":{"root_cause":[{' .. cause .. '}],' .. cause .. '},"status":' .. status .. '}'
end

function envoy_on_request(handle)
  local headers = handle:headers()
  -- only the transcoder may say what the original request was
  headers:remove("x-envoy-original-path")
  headers:remove("x-envoy-original-method")
  -- the service unpacks the body; gRPC has a header of its own for its own compression
  local encoding = headers:get("content-encoding")
  headers:remove("x-content-encoding")
  if encoding then
    headers:add("x-content-encoding", encoding)
    headers:remove("content-encoding")
  end
  -- a page of another origin must not write here through its visitor's browser
  local origin = headers:get("origin")
  if origin and origin:gsub("^%a+://", "") ~= headers:get(":authority") then
    handle:respond({ [":status"] = "403" }, "requests of another origin are refused")
    return
  end
  local content = headers:get("content-type")
  if content and content:lower():sub(1, 16) == "application/grpc" then
    -- the transcoder would let it through to every service
    handle:streamInfo():dynamicMetadata():set("anomalyd", "grpc", true)
    handle:respond({ [":status"] = "415" }, "this port speaks JSON; gRPC has a port of its own")
  end
end

function envoy_on_response(handle)
  local seen = handle:streamInfo():dynamicMetadata():get("anomalyd")
  if seen and seen["grpc"] then
    return -- a gRPC client was refused, and Envoy tells it so in gRPC's own way
  end
  local headers = handle:headers()
  local status = headers:get("x-http-status")
  local code = headers:get("grpc-status")
  if status or code == "0" then
    -- an answer of the service; without a status of its own it is 200, as the transcoder says
    if status then
      headers:replace(":status", status)
    end
    -- clients of Elasticsearch refuse to talk to a server that does not send this
    headers:replace("x-elastic-product", "Elasticsearch")
  elseif code and code ~= "0" then
    local reason = told[code] and decoded(headers:get("grpc-message") or "") or "internal error"
    local body = error_body(types[code] or "status_exception", reason, headers:get(":status"))
    handle:body(true):setBytes(body)
    headers:replace("content-type", "application/json; charset=UTF-8")
  end
  for _, name in ipairs(own) do
    headers:remove(name)
  end
end
