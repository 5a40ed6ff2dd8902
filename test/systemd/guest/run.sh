# As root in the guest, under systemd. $scenario: which; $steps: a pattern of its steps, in place of all. What the host reads:
# install.code, scenario.code, chaos.code, gaps.json, remove.code, journal.json.
cd /exchange
# Emulated: everything takes its time, and that is no reason to call a part hung.
if [ "$(systemd-detect-virt)" = qemu ]; then for part in custodian engine broker; do
  mkdir -p /etc/systemd/system/warpdrive-$part@.service.d
  printf '[Service]\nTimeoutStartSec=300\nTimeoutStopSec=120\nWatchdogSec=40\n' > /etc/systemd/system/warpdrive-$part@.service.d/emulated.conf
done; fi
for number in 1000 1001; do echo "user$number:x:$number:$number::/tmp:/bin/sh" >> /etc/passwd; done

dpkg -i --force-unsafe-io first.deb; echo $? > install.code
/usr/lib/warpdrive/bin/node --test-reporter=tap --test-name-pattern="$steps" --test-name-pattern='clients end' $scenario.mjs > scenario.tap 2>&1; echo $? > scenario.code
journalctl -o json > journal.json

# Of the project's folder, which only a container has: an emulated processor is too slow for clients and strikes.
if [ -d /project ] && [ "$steps" = . ]; then
  TMPDIR=/exchange /usr/lib/warpdrive/bin/node /project/dist/test/chaos/main.js --installed --seconds 30 --json > chaos.json 2> chaos.log
  echo $? > chaos.code
  TMPDIR=/exchange /usr/lib/warpdrive/bin/node /project/dist/bench/main.js --installed --short \
    --only restart_gap_engine,restart_gap_broker,restart_gap_custodian --json gaps.json
fi
since=$(date '+@%s')

remove() {
  dpkg --remove warpdrive || return 1
  test ! -e /usr/lib/warpdrive || return 2
  systemctl is-active warpdrive.target 'warpdrive-[cbem]*' && return 3
  test -e /etc/warpdrive/warpdrived.toml || return 4
  dpkg --purge warpdrive || return 5
  test ! -e /etc/warpdrive/warpdrived.toml || return 6
  test ! -e /run/warpdrive || return 7
}
remove; echo $? > remove.code
journalctl -o json --since "$since" >> journal.json
systemctl status --no-pager 'warpdrive-*'
true
