-- Asks Gatepost for its decision about a request, and leaves the answer in variables; haproxy.cfg acts on them.
-- Whatever goes wrong here, txn.gatepost_decision stays unset, and without it nothing passes.

local TIMEOUT = 1000 -- milliseconds, for each of the four times that HAProxy tries

-- Of the question, not of the request that it is about: said anew below, or of no matter to the decision.
local LEFT_OUT = {
    ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true, ["te"] = true,
    ["keep-alive"] = true, ["trailer"] = true, ["host"] = true,
    ["x-forwarded-host"] = true,
}

local function first(headers, name)
    return headers and headers[name] and headers[name][0] or nil
end

local function ask(txn, address)
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not LEFT_OUT[name] then
            headers[name] = {}
            for index = 0, #values do
                table.insert(headers[name], values[index])
            end
        end
    end
    headers["host"] = { txn.f:req_hdr("host") }
    headers["x-forwarded-host"] = { txn.f:req_hdr("host") }
    headers["x-forwarded-method"] = { txn.f:method() }
    headers["x-forwarded-uri"] = { txn.f:pathq() }

    local url = "http://" .. address .. "/_gateway/auth"
    local answer = core.httpclient():get({ url = url, headers = headers, timeout = TIMEOUT })
    if not answer or not answer.status then
        return
    end
    txn:set_var("txn.gatepost_status", answer.status)
    txn:set_var("txn.gatepost_location", first(answer.headers, "location") or "")
    txn:set_var("txn.gatepost_challenge", first(answer.headers, "www-authenticate") or "Bearer")
    txn:set_var("txn.gatepost_authorization", first(answer.headers, "authorization") or "")
    txn:set_var("txn.gatepost_cookie", first(answer.headers, "cookie") or "")
    txn:set_var("txn.gatepost_user", first(answer.headers, "remote-user") or "")
    txn:set_var("txn.gatepost_email", first(answer.headers, "remote-email") or "")
    txn:set_var("txn.gatepost_name", first(answer.headers, "remote-name") or "")
    txn:set_var("txn.gatepost_groups", first(answer.headers, "remote-groups") or "")
    if answer.status == 200 and first(answer.headers, "gatepost-decision") == "allow" then
        txn:set_var("txn.gatepost_decision", "allow")
    end
end

core.register_action("ask_gatepost", { "http-req" }, ask, 1)
