#!/bin/sh
# A charger with topics of its own, played by mosquitto_pub and mosquitto_sub alone: charger.sh PORT NAME FOLDER SPEED.
# It follows NAME/set (watts, or "auto": 3 kW by itself) and tells NAME/state. FOLDER/plugged is its cable.
port=$1 name=$2 folder=$3 speed=$4
echo auto >"$folder/said"
mosquitto_sub -h 127.0.0.1 -p "$port" -q 1 -t "$name/set" -F '%p' | while read -r said; do
    echo "$said" >"$folder/next" && mv "$folder/next" "$folder/said"
    echo "$said" >>"$folder/log"
done &
millijoules=0 then=$(date +%s%3N)
while :; do
    said=$(cat "$folder/said") plugged=$(cat "$folder/plugged")
    watts=$said
    [ "$said" = auto ] && watts=3000
    [ "$plugged" = true ] || watts=0
    now=$(date +%s%3N)
    millijoules=$((millijoules + watts * (now - then) * speed)) then=$now
    wh=$((5000000 + millijoules / 3600000)) soc=$((30000 + millijoules / 3600000))
    mosquitto_pub -h 127.0.0.1 -p "$port" -r -t "$name/state" \
        -m "{\"power\": $watts, \"total\": $wh, \"soc\": $soc, \"plugged\": $plugged}" 2>/dev/null || :
    sleep 0.05
done
