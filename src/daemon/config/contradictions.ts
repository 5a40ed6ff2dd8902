// What a configuration says that can't all be meant: each check looks at one thing and tells what it found.

import type { Problem } from './problems.ts';
import { suggest } from './problems.ts';
import type { Configuration, DeviceConfiguration, Rule } from './schema.ts';
import { DEFAULT_TENANT, isUsersOwn, isWithin, limitsOf } from './tenants.ts';

/** Hardware queues of a device, as configured, and what its driver can't do. */
const drivers: Readonly<
  Record<DeviceConfiguration['driver'], { canBeDirect: boolean; needsIommu: boolean }>
> = {
  soft: { canBeDirect: false, needsIommu: false },
  spimdev: { canBeDirect: true, needsIommu: true },
  null: { canBeDirect: false, needsIommu: false },
};

export function findContradictions(configuration: Configuration, uid: number): Problem[] {
  return [
    ...findInDevices(configuration),
    ...findInLimits(configuration),
    ...findInTenants(configuration, uid),
    ...findInRules(configuration),
  ];
}

function findInDevices({ devices }: Configuration): Problem[] {
  const problems: Problem[] = [];
  if (Object.keys(devices).length === 0) {
    problems.push({
      path: ['devices'],
      told: ': no device at all; leave it out to have "soft0" and "null0"',
    });
  }
  for (const [name, device] of Object.entries(devices)) {
    const path = ['devices', name];
    const queues = device.driver === 'null' ? 1 : device.queues;
    const driver = drivers[device.driver];
    if (device.reserve >= queues) {
      const told = ` = ${device.reserve}: the device has ${queues} hardware queue(s); expected fewer than that`;
      problems.push({ path: [...path, 'reserve'], told });
    }
    if (device.direct && !driver.canBeDirect) {
      const told = ` = true: the driver "${device.driver}" has no queues that can be lent whole`;
      problems.push({ path: [...path, 'direct'], told });
    }
    if (device.direct && device.allow_noiommu) {
      const told =
        ' = true: without an IOMMU no queue can be lent whole; expected false beside allow_noiommu';
      problems.push({ path: [...path, 'direct'], told });
    }
    if (device.allow_noiommu && !driver.needsIommu) {
      const told = ` = true: the driver "${device.driver}" uses no IOMMU`;
      problems.push({ path: [...path, 'allow_noiommu'], told });
    }
  }
  return problems;
}

function findInLimits(configuration: Configuration): Problem[] {
  const problems: Problem[] = [];
  const { devices } = configuration;
  const names = Object.keys(devices);
  const tables = [
    { path: ['limits'], limits: configuration.limits },
    ...Object.keys(configuration.tenants).map((name) => ({
      path: ['tenants', name],
      limits: limitsOf(configuration, name),
    })),
  ];
  for (const { path, limits } of tables) {
    if (limits.ops_burst !== undefined && limits.ops_per_second === undefined) {
      problems.push({ path: [...path, 'ops_burst'], told: ': a burst needs ops_per_second' });
    }
    if (limits.bytes_burst !== undefined && limits.bytes_per_second === undefined) {
      problems.push({ path: [...path, 'bytes_burst'], told: ': a burst needs bytes_per_second' });
    }
    if (limits.faults_stopped < limits.faults_slowed) {
      const told = ` = ${limits.faults_stopped}: expected at least faults_slowed, which is ${limits.faults_slowed}`;
      problems.push({ path: [...path, 'faults_stopped'], told });
    }
    for (const [index, name] of (limits.devices ?? []).entries()) {
      if (names.includes(name)) continue;
      problems.push({
        path: [...path, 'devices', index],
        told: ` = "${name}": no such device; ${suggest(name, names)}`,
      });
    }
    if (limits.direct && !(limits.devices ?? names).some((name) => devices[name]?.direct === true)) {
      problems.push({
        path: [...path, 'direct'],
        told: ' = true: no device that it may use has direct = true',
      });
    }
  }
  return problems;
}

function findInTenants({ tenants, declared_tenants: isDeclared }: Configuration, uid: number): Problem[] {
  const problems: Problem[] = [];
  if (isDeclared && uid === 0) {
    const told = ' = true: anybody could be any tenant; expected false where the daemon runs as root';
    problems.push({ path: ['declared_tenants'], told });
  }
  for (const [name, { match = [] }] of Object.entries(tenants)) {
    const path = ['tenants', name, 'match'];
    if (name === DEFAULT_TENANT && match.length > 0) {
      problems.push({ path, told: ': the tenant "default" takes whom no rule matches; expected no rules' });
    } else if (name !== DEFAULT_TENANT && match.length === 0 && !isDeclared) {
      problems.push({ path, told: ': no rules, so nobody can be this tenant; expected at least one' });
    }
  }
  return problems;
}

interface PlacedRule {
  readonly rule: Rule;
  readonly path: readonly PropertyKey[];
  readonly name: string;
}

function findInRules({ tenants, administrators }: Configuration): Problem[] {
  const problems: Problem[] = [];
  const earlier: PlacedRule[] = [];
  for (const [tenant, { match = [] }] of Object.entries(tenants)) {
    for (const [index, rule] of match.entries()) {
      const path = ['tenants', tenant, 'match', index];
      const by = earlier.find((candidate) => covers(candidate.rule, rule));
      if (by !== undefined) {
        const told = covers(rule, by.rule)
          ? `: the same as ${by.name}`
          : `: ${by.name} matches all that it does`;
        problems.push({ path, told: `${told}, which comes before it; it can never decide` });
      }
      earlier.push({ rule, path, name: `tenants.${tenant}.match[${index}]` });
      problems.push(...findInRule(rule, path));
    }
  }
  for (const [index, rule] of administrators.entries()) {
    problems.push(...findInRule(rule, ['administrators', index]));
  }
  return problems;
}

function findInRule(rule: Rule, path: readonly PropertyKey[]): Problem[] {
  if (rule.cgroup === undefined || rule.uid !== undefined || !isUsersOwn(rule.cgroup)) return [];
  const told = ` = "${rule.cgroup}": users make groups of their own there; expected "uid" or "user" beside it`;
  return [{ path: [...path, 'cgroup'], told }];
}

/** Whom `later` matches, `earlier` matches too. */
function covers(earlier: Rule, later: Rule): boolean {
  const { uid, gid, unit, cgroup, tls_subject: tlsSubject } = earlier;
  if (uid !== undefined && later.uid !== uid) return false;
  if (gid !== undefined && later.gid !== gid) return false;
  if (tlsSubject !== undefined && later.tls_subject !== tlsSubject) return false;
  if (cgroup !== undefined && !isWithin(later.cgroup, cgroup)) return false;
  if (unit === undefined) return true;
  // Together with a user, a unit can be the user's own as well.
  return later.unit === unit && (uid !== undefined || later.uid === undefined);
}
