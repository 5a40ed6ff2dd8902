import { describe, expect, it } from 'vitest';
import { isAdministrator, matchTenant, engineLimits } from '../../../src/daemon/config/tenants.ts';
import { configure } from './fixtures.ts';

const configuration = configure(`
administrators = [{ group = "wheel" }]

[limits]
queues = 32

[tenants.backup]
match = [{ user = "backup" }]
weight = 4

[tenants.builds]
match = [{ tls_subject = "build" }, { gid = 2000, cgroup = "/system.slice" }]
each_user = true

[tenants.nightly]
match = [{ unit = "nightly.service" }, { unit = "mine.service", uid = 1001 }]
ops_per_second = 1000
bytes_per_second = 5000
bytes_burst = 7

[tenants.sessions]
match = [{ cgroup = "/user.slice/user-1002.slice" }]
`);

const managed = '/user.slice/user-1001.slice/user@1001.service';

describe('a caller', () => {
  it.each([
    ['by its user', { uid: 34 }, 'backup'],
    [
      'by the first rule that holds, of several',
      { uid: 34, cgroup: '/system.slice/nightly.service' },
      'backup',
    ],
    ['by its certificate', { tlsSubject: 'build' }, 'builds:tls:build'],
    [
      'by any of its groups, and its control group',
      { uid: 7, gids: [1, 2000], cgroup: '/system.slice/x.service' },
      'builds:7',
    ],
    ['not by one of two keys', { uid: 7, gids: [1, 2000], cgroup: '/other.slice/x.service' }, 'default:7'],
    [
      'not by the beginning of a name',
      { uid: 7, gids: [2000], cgroup: '/system.slices/x.service' },
      'default:7',
    ],
    ['by a unit of the system', { uid: 7, cgroup: '/system.slice/nightly.service' }, 'nightly'],
    [
      'by a unit of the system, from a group below',
      { uid: 7, cgroup: '/a.slice/b.slice/nightly.service/x/y' },
      'nightly',
    ],
    [
      'not by a unit that a user has made',
      { uid: 1001, cgroup: `${managed}/app.slice/nightly.service` },
      'default:1001',
    ],
    [
      'not by a group with the name of a unit',
      { uid: 7, cgroup: '/system.slice/x.service/nightly.service' },
      'default:7',
    ],
    [
      'by a unit of its own, together with the user',
      { uid: 1001, cgroup: `${managed}/app.slice/mine.service/z` },
      'nightly',
    ],
    [
      'not by the same unit of another user',
      { uid: 1003, cgroup: `${managed}/app.slice/mine.service` },
      'default:1003',
    ],
    [
      'by the group of all its sessions',
      { uid: 1002, cgroup: '/user.slice/user-1002.slice/session-1.scope' },
      'sessions',
    ],
    ['by nothing: each user is a tenant of its own', { uid: 1003 }, 'default:1003'],
    [
      'by nothing: a certificate that is named like a user is another',
      { tlsSubject: '1003' },
      'default:tls:1003',
    ],
  ])('is known %s', (_, caller, tenant) => {
    expect(matchTenant(configuration, caller)?.tenant).toBe(tenant);
  });

  it('has the limits of its tenant, and for the rest those of everybody', () => {
    const backup = matchTenant(configuration, { uid: 34 });
    expect(backup?.limits).toMatchObject({ weight: 4, queues: 32, channels: 1_024 });
    expect(backup?.section).toBe('tenants.backup');
    expect(matchTenant(configuration, { uid: 9 })).toMatchObject({
      section: 'limits',
      limits: { weight: 1 },
    });
  });

  it('has rates with a burst of a hundredth of a second, or the one that is given', () => {
    const nightly = matchTenant(configuration, { cgroup: '/system.slice/nightly.service' });
    expect(nightly && engineLimits(nightly.limits)).toMatchObject({
      operations: { perSecond: 1_000, burst: 10 },
      bytes: { perSecond: 5_000, burst: 7 },
    });
  });

  it('may say who it is in development only, and only what the file has', () => {
    expect(matchTenant(configuration, { uid: 9, declared: 'backup' })?.tenant).toBe('default:9');
    const development = configure('declared_tenants = true\n[tenants.a]\nweight = 2\n');
    expect(matchTenant(development, { uid: 9, declared: 'a' })).toMatchObject({
      tenant: 'a',
      limits: { weight: 2 },
    });
    expect(matchTenant(development, { uid: 9, declared: 'b' })).toBeUndefined();
    expect(matchTenant(development, { uid: 9, declared: 'toString' })).toBeUndefined();
    expect(matchTenant(development, { uid: 9 })?.tenant).toBe('default:9');
  });
});

describe('an administrator', () => {
  it('is root, or whom the file names', () => {
    expect(isAdministrator(configuration, { uid: 0 })).toBe(true);
    expect(isAdministrator(configuration, { uid: 5, gids: [10] })).toBe(true);
    expect(isAdministrator(configuration, { uid: 5, gids: [11] })).toBe(false);
    expect(isAdministrator(configuration, { tlsSubject: 'CN=root' })).toBe(false);
  });
});
