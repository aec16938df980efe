# What compose_up.sh needs of the output of "compose config", whichever compose wrote it: a line for each active service,
# "NAME STEP WORDS" from the label gatepost.start, "-" where there is none. After "kept" stand its ports,
# ADDRESS:PORT:PORT-INSIDE; at the end replicas=NUMBER where the file says how many (scale, or deploy.replicas).

function close_port() {
    if (target != "") ports = ports (ports == "" ? "" : ",") address ":" published ":" target
    address = published = target = ""
}

function close_service() {
    close_port()
    if (name != "" && is_active) print name, (label == "" ? "-" : label) (label ~ /kept/ ? " " ports : "") (replicas == "" ? "" : " replicas=" replicas)
    name = label = ports = replicas = ""
}

{ gsub(/["']/, "") }
/^[a-z]/ { close_service(); is_in_services = /^services:/; next }
!is_in_services { next }
/^  [a-zA-Z0-9_-]+:/ { close_service(); name = substr($1, 1, length($1) - 1); is_active = 1; key = ""; next }
/^    [a-z_]+:/ { close_port(); key = $1; if (key == "profiles:") is_active = 0; if (key == "scale:") replicas = $2; next }
key == "profiles:" && $1 == "-" { if (index(active, "," $2 ",")) is_active = 1 }
key == "deploy:" && $1 == "replicas:" { replicas = $2 }
key == "labels:" && /gatepost\.start/ { sub(/.*gatepost\.start[:=] */, ""); label = $0 }
# The older compose writes a port in one word, the newer one in lines.
key == "ports:" && $1 == "-" && NF == 2 { sub(/\/tcp$/, "", $2); ports = ports (ports == "" ? "" : ",") $2 }
key == "ports:" && $1 == "-" && NF > 2 { close_port() }
key == "ports:" && /host_ip:/ { address = $NF }
key == "ports:" && /target:/ { target = $NF }
key == "ports:" && /published:/ { published = $NF }
END { close_service() }
