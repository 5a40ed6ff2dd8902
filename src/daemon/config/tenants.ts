// Who a caller is to us: which tenant its calls are charged to, with which limits. Pure.
//
// The first rule that holds decides, tenants and their rules in the order of the file; `default` takes who is left. All
// keys of a rule have to hold. Users make control groups and units of their own, so those count only where just the
// system's manager can have made them, or together with a user (docs/CONFIG.md says so to administrators).

import type { Configuration, LimitsConfiguration, Rule } from './schema.ts';

export const DEFAULT_TENANT = 'default';

/** How much of a rate may be had at once, where nothing is said: a hundredth of a second of it. */
const BURST_SECONDS = 0.01;

const NANOS_PER_MILLI = 1e6;

/** Between the name of a tenant and the user, where each user is one; no name has it. */
const USER_SEPARATOR = ':';

export interface Caller {
  /** undefined if it came over the network. */
  readonly uid?: number | undefined;
  /** All its groups. */
  readonly gids?: readonly number[] | undefined;
  /** Its control group, a path from the root of the hierarchy. */
  readonly cgroup?: string | undefined;
  readonly tlsSubject?: string | undefined;
  /** The tenant that it says it is; counts in development only. */
  readonly declared?: string | undefined;
}

export interface TenantMatch {
  /** What accounts go by: the tenant of the file, or NAME:USER where each user is one. */
  readonly tenant: string;
  /** The table of the file that its limits are in. */
  readonly section: string;
  readonly limits: LimitsConfiguration;
}

/** undefined only for who declares a tenant that the file doesn't have. */
export function matchTenant(configuration: Configuration, caller: Caller): TenantMatch | undefined {
  const { tenants } = configuration;
  if (configuration.declared_tenants && caller.declared !== undefined) {
    const { declared } = caller;
    return Object.hasOwn(tenants, declared) ? describeMatch(configuration, declared, caller) : undefined;
  }
  for (const [name, { match = [] }] of Object.entries(tenants)) {
    if (match.some((rule) => doesRuleHold(rule, caller))) return describeMatch(configuration, name, caller);
  }
  return describeMatch(configuration, DEFAULT_TENANT, caller);
}

export function isAdministrator(configuration: Configuration, caller: Caller): boolean {
  return caller.uid === 0 || configuration.administrators.some((rule) => doesRuleHold(rule, caller));
}

function describeMatch(configuration: Configuration, name: string, caller: Caller): TenantMatch {
  const isEachUser = configuration.tenants[name]?.each_user ?? name === DEFAULT_TENANT;
  // A certificate may be named like a number.
  const user = caller.uid ?? `tls:${caller.tlsSubject}`;
  return describeTenant(configuration, isEachUser ? `${name}${USER_SEPARATOR}${user}` : name);
}

/** What a tenant may, by the name that accounts go by; one that the file doesn't have any more may what everybody may. */
export function describeTenant(configuration: Configuration, tenant: string): TenantMatch {
  const [name = ''] = tenant.split(USER_SEPARATOR);
  return {
    tenant,
    section: Object.hasOwn(configuration.tenants, name) ? `tenants.${name}` : 'limits',
    limits: limitsOf(configuration, name),
  };
}

/** The largest input or output of a request that any tenant may send, bytes: devices are made for it. */
export function requestBytesMax(configuration: Configuration): number {
  const { limits, tenants } = configuration;
  const all = Object.values(tenants).map((tenant) => tenant.request_bytes ?? limits.request_bytes);
  return Math.max(limits.request_bytes, ...all);
}

/** A tenant's limits: its own, and for the rest those of everybody. */
export function limitsOf(configuration: Configuration, name: string): LimitsConfiguration {
  const { match: _match, each_user: _eachUser, ...own } = configuration.tenants[name] ?? {};
  return Object.assign({}, configuration.limits, own);
}

/** Limits as the engine takes them; it needs no others. */
export function engineLimits(limits: LimitsConfiguration) {
  return {
    weight: limits.weight,
    inFlightMax: limits.in_flight,
    requestBytesMax: limits.request_bytes,
    requestNanosMax: limits.request_millis * NANOS_PER_MILLI,
    operations: rateOf(limits.ops_per_second, limits.ops_burst),
    bytes: rateOf(limits.bytes_per_second, limits.bytes_burst),
    devices: limits.devices,
    faultsSlowed: limits.faults_slowed,
    faultsStopped: limits.faults_stopped,
  };
}

function rateOf(perSecond: number | undefined, burst: number | undefined) {
  if (perSecond === undefined) return undefined;
  return { perSecond, burst: burst ?? Math.max(1, perSecond * BURST_SECONDS) };
}

function doesRuleHold(rule: Rule, caller: Caller): boolean {
  const { uid, gid, unit, cgroup, tls_subject: tlsSubject } = rule;
  if (uid !== undefined && caller.uid !== uid) return false;
  if (gid !== undefined && caller.gids?.includes(gid) !== true) return false;
  if (tlsSubject !== undefined && caller.tlsSubject !== tlsSubject) return false;
  if (cgroup !== undefined && !isWithin(caller.cgroup, cgroup)) return false;
  if (unit === undefined) return true;
  const isOwn = uid !== undefined && userUnitOf(caller.cgroup) === unit;
  return isOwn || systemUnitOf(caller.cgroup) === unit;
}

export function isWithin(path: string | undefined, above: string): boolean {
  return path !== undefined && (path === above || path.startsWith(`${above}/`));
}

/** A user's own manager, below which the user makes what groups it likes. */
const USER_MANAGER = /^user@\d+\.service$/;

/** A path that leads below a user's own manager. */
export function isUsersOwn(cgroup: string): boolean {
  const steps = cgroup.split('/');
  const at = steps.findIndex((step) => USER_MANAGER.test(step));
  return at !== -1 && at < steps.length - 1;
}

/** The unit that the system's manager made: the first below its slices. What is further below is the unit's own affair. */
function systemUnitOf(cgroup: string | undefined): string | undefined {
  return unitIn(cgroup?.split('/').slice(1) ?? []);
}

/** The unit that the user's own manager made. */
function userUnitOf(cgroup: string | undefined): string | undefined {
  const steps = cgroup?.split('/') ?? [];
  const manager = steps.findIndex((step) => USER_MANAGER.test(step));
  return manager === -1 ? undefined : unitIn(steps.slice(manager + 1));
}

function unitIn(steps: readonly string[]): string | undefined {
  const step = steps.find((candidate) => !candidate.endsWith('.slice'));
  return step !== undefined && /\.(service|scope)$/.test(step) ? step : undefined;
}
