import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../../src/daemon/config/config.ts';
import { configurationSchema } from '../../../src/daemon/config/schema.ts';
import { packageRoot } from '../../../src/shared/package-files.ts';
import { configure, refusal } from './fixtures.ts';

describe('a configuration', () => {
  it('that is empty has the devices soft0 and null0', () => {
    expect(Object.keys(configure('').devices)).toEqual(['soft0', 'null0']);
    expect(configure('')).toEqual(readConfiguration(undefined));
  });

  it('is the same when it is checked again, as broker and engine do', () => {
    const read = configure(
      '[limits]\nweight = 2\n[tenants.batch]\nmatch = [{ user = "backup" }]\nops_per_second = 10\n[metrics]\ntcp = "127.0.0.1:9464"\n',
    );
    const carried: unknown = JSON.parse(JSON.stringify(read));
    expect(configurationSchema.parse(carried)).toEqual(read);
  });

  it('shipped as an example passes', () => {
    const example = readConfiguration(join(packageRoot, 'systemd/warpdrived.toml'), { uid: 1_000 });
    expect(Object.keys(example.tenants)).toEqual(['frontend', 'nightly', 'default']);
  });

  it('puts numbers beside the names of users and groups', () => {
    const { tenants, administrators } = configure(
      'administrators = [{ group = "wheel" }]\n[tenants.batch]\nmatch = [{ user = "backup", group = "batch" }]\n',
    );
    expect(tenants['batch']?.match).toEqual([{ user: 'backup', uid: 34, group: 'batch', gid: 2_000 }]);
    expect(administrators).toEqual([{ group: 'wheel', gid: 10 }]);
  });
});

describe('a configuration is refused, and told why', () => {
  it.each([
    ['[limits]\nquues = 3\n', 'limits.quues: unknown key; did you mean "queues"?'],
    ['[limit]\n', 'limit: unknown key; did you mean "limits"?'],
    ['[limits]\nxyzzy = 3\n', 'limits.xyzzy: unknown key; known here: weight, channels'],
    [
      '[devices.a]\ndriver = "soft"\nbakend = "node"\n',
      'devices.a.bakend: unknown key; did you mean "backend"?',
    ],
    [
      '[tenants.a]\nmatch = [{ usr = "root" }]\n',
      'tenants.a.match[0].usr: unknown key; did you mean "user"?',
    ],
    ['[devices.soft0.faults]\n', 'devices.soft0.driver: missing; expected "soft" or "spimdev" or "null"'],
    ['[devices.a]\ndriver = "sofd"\n', 'devices.a.driver = "sofd": expected "soft" or "spimdev" or "null"'],
    [
      '[devices.a]\ndriver = "soft"\nbackend = "zlib"\n',
      '"zlib": expected "auto", "libisal", "libdeflate", "node"',
    ],
    ['[devices.Soft]\ndriver = "soft"\n', 'devices.Soft: not a name; expected a lower-case letter'],
    ['[limits]\nqueues = 0\n', 'limits.queues = 0: expected a whole number, 1 to 1000000'],
    ['[limits]\nqueues = -1\n', 'limits.queues = -1: expected a whole number, 1 to 1000000'],
    ['[limits]\nqueues = 1.5\n', 'limits.queues = 1.5: expected a whole number'],
    ['[limits]\nqueues = "3"\n', 'limits.queues = "3": expected a whole number'],
    ['[limits]\nqueues = 9_000_000_000_000\n', 'limits.queues = 9000000000000: expected'],
    ['[limits]\nweight = inf\n', 'limits.weight'],
    ['[limits]\nweight = nan\n', 'limits.weight'],
    ['[tenants.a]\nmatch = [{ uid = 5 }]\nweight = 0\n', 'tenants.a.weight = 0: expected 0.01 to 1000'],
    ['[tenants.a]\nmatch = [{}]\n', 'tenants.a.match[0] = {}: expected at least one key to match by'],
    ['[tenants.a]\nmatch = [{ uid = -1 }]\n', 'tenants.a.match[0].uid = -1: expected a whole number'],
    [
      '[tenants.a]\nmatch = [{ cgroup = "system.slice" }]\n',
      'expected a path from the root of the hierarchy',
    ],
    ['[tenants.a]\nmatch = [{ unit = "nightly" }]\n', 'expected a name that ends in .service or .scope'],
    [
      '[metrics]\ntcp = "0.0.0.0:9464"\n',
      'metrics.tcp = "0.0.0.0:9464": expected a loopback address and a port',
    ],
    ['[limits]\nalgorithms = ["gzp"]\n', 'limits.algorithms[0] = "gzp": expected'],
    ['[limits\n', 'line 1, column'],
    // Contradictions.
    ['[devices]\n', 'devices: no device at all'],
    ['[devices.a]\ndriver = "soft"\nqueues = 2\nreserve = 2\n', 'devices.a.reserve = 2: the device has 2'],
    [
      '[devices.a]\ndriver = "soft"\ndirect = true\n',
      'devices.a.direct = true: the driver "soft" has no queues',
    ],
    [
      '[devices.a]\ndriver = "null"\nallow_noiommu = true\n',
      'devices.a.allow_noiommu = true: the driver "null"',
    ],
    ['[limits]\nops_burst = 3\n', 'limits.ops_burst: a burst needs ops_per_second'],
    ['[limits]\nbytes_burst = 3\n', 'limits.bytes_burst: a burst needs bytes_per_second'],
    ['[limits]\ndevices = ["sotf0"]\n', 'limits.devices[0] = "sotf0": no such device; did you mean "soft0"?'],
    [
      '[devices.a]\ndriver = "spimdev"\nalgorithm = "copy"\n',
      'devices.a.parent: missing; expected a name in /sys/class/spimdev',
    ],
    [
      '[devices.a]\ndriver = "spimdev"\nparent = "../net"\nalgorithm = "copy"\n',
      'devices.a.parent = "../net": expected a name in /sys/class/spimdev',
    ],
    [
      '[devices.a]\ndriver = "spimdev"\nparent = "p"\nalgorithm = "rsa"\n',
      'devices.a.algorithm = "rsa": expected an algorithm',
    ],
    [
      '[devices.a]\ndriver = "spimdev"\nparent = "p"\nalgorithm = "copy"\nreserve = 1\n',
      'devices.a.reserve = 1: the device has 1 hardware queue(s)',
    ],
    [
      '[devices.a]\ndriver = "spimdev"\nparent = "p"\nalgorithm = "copy"\ndirect = true\nallow_noiommu = true\n',
      'devices.a.direct = true: without an IOMMU no queue can be lent whole',
    ],
    ['[limits]\ndirect = true\n', 'limits.direct = true: no device that it may use has direct = true'],
    [
      '[limits]\nfaults_stopped = 1\n',
      'limits.faults_stopped = 1: expected at least faults_slowed, which is 3',
    ],
    ['[tenants.a]\n', 'tenants.a.match: no rules, so nobody can be this tenant'],
    ['[tenants.default]\nmatch = [{ uid = 5 }]\n', 'tenants.default.match: the tenant "default" takes'],
    // Users and groups.
    [
      '[tenants.a]\nmatch = [{ user = "alise" }]\n',
      'tenants.a.match[0].user = "alise": no such name in /etc/passwd; did you mean "alice"?',
    ],
    ['[tenants.a]\nmatch = [{ group = "nobody" }]\n', 'no such name in /etc/group'],
    ['administrators = [{ user = "bob" }]\n', 'administrators[0].user = "bob": no such name'],
    ['[tenants.a]\nmatch = [{ user = "backup", uid = 35 }]\n', 'that is uid 34, and the rule says 35'],
    // Rules that conflict.
    [
      '[tenants.a]\nmatch = [{ user = "backup" }]\n[tenants.b]\nmatch = [{ uid = 34 }]\n',
      'tenants.b.match[0]: the same as tenants.a.match[0], which comes before it',
    ],
    [
      '[tenants.a]\nmatch = [{ gid = 5 }]\n[tenants.b]\nmatch = [{ uid = 34 }, { uid = 1, gid = 5 }]\n',
      'tenants.b.match[1]: tenants.a.match[0] matches all that it does',
    ],
    [
      '[tenants.a]\nmatch = [{ cgroup = "/a" }, { cgroup = "/a/b" }]\n',
      'tenants.a.match[1]: tenants.a.match[0] matches all that it does',
    ],
    [
      '[tenants.a]\nmatch = [{ cgroup = "/user.slice/user-5.slice/user@5.service/app.slice" }]\n',
      'users make groups of their own there; expected "uid" or "user" beside it',
    ],
  ])('%j', (text, told) => {
    const message = refusal(text);
    expect(message).toContain(told);
    expect(message).toMatch(/^read the configuration \S+warpdrived.toml: .* \(CONFIG_INVALID\); /);
  });

  it('all that is wrong with it at once', () => {
    const message = refusal('[limits]\nqueues = 0\nweigth = 3\n[metrics]\nsocket = 1\n');
    for (const key of ['limits.queues', 'limits.weigth', 'metrics.socket']) expect(message).toContain(key);
  });

  it('if others may write it, as root', () => {
    expect(refusal('', { uid: 0, mode: 0o646 })).toContain('others than root may write it (mode 646)');
    expect(refusal('', { uid: 0, mode: 0o664 })).toContain('chmod go-w');
    expect(configure('', { mode: 0o666 })).toEqual(configure(''));
  });

  it('if it is not there', () => {
    expect(() => readConfiguration('/nonexistent/warpdrived.toml')).toThrow(/ENOENT.*check the path/);
  });

  it('if anybody could be any tenant, as root', () => {
    const text = 'declared_tenants = true\n[tenants.a]\n';
    expect(configure(text).declared_tenants).toBe(true);
    expect(refusal(text, { uid: 0 })).toContain('declared_tenants = true: anybody could be any tenant');
  });
});

describe('rules that only look alike', () => {
  it.each([
    // With a user, a unit can be one of the user's own; without, it can't.
    '[tenants.a]\nmatch = [{ unit = "x.service" }]\n[tenants.b]\nmatch = [{ unit = "x.service", uid = 5 }]\n',
    '[tenants.a]\nmatch = [{ uid = 5, gid = 6 }]\n[tenants.b]\nmatch = [{ uid = 5 }]\n',
    '[tenants.a]\nmatch = [{ cgroup = "/a/b" }]\n[tenants.b]\nmatch = [{ cgroup = "/a" }, { cgroup = "/ab" }]\n',
    '[tenants.a]\nmatch = [{ cgroup = "/user.slice/user-5.slice/user@5.service/app.slice", uid = 5 }]\n',
  ])('are taken: %j', (text) => {
    expect(Object.keys(configure(text).tenants).length).toBeGreaterThan(0);
  });
});
