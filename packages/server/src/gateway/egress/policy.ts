/** Whether a sandbox may reach a host and a port at all, before any name is resolved. Denied unless allowed. */
import { EgressEntry, EgressPolicy } from '@berth/contract';
import { INTERNAL_AUTHORITY } from '@berth/contract/guest';
import { isPublicAddress } from './addresses.ts';
import type { Target } from './host.ts';

/** A host that the user's package tools fetch from. */
export interface Registry {
  readonly host: string;
  readonly port: number;
  /** From the user's configuration, not a tool's default: it may then have a private address. */
  readonly named: boolean;
}

/** A sandbox's current policy. */
export interface EgressRule {
  readonly policy: EgressPolicy;
  /** The set-up has its own policy, configured in another place. */
  readonly during: 'setup' | 'work';
}

export type Decision =
  | {
      readonly verdict: 'allowed';
      readonly reason: string;
      /** The user's own configuration vouches for the host, whatever its address. */
      readonly mayBePrivate: boolean;
      /** The policy names this very port, so it need not speak TLS or HTTP. */
      readonly portNamed: boolean;
    }
  | {
      readonly verdict: 'denied';
      readonly reason: string;
      /** What to configure to allow it; absent when nothing would. */
      readonly remedy?: string | undefined;
    };

const WEB_PORTS: readonly number[] = [443, 80];

/** In a list of hosts: all registries. */
const REGISTRIES = 'packages';
/** A longer list is not repeated in the remedy. */
const MOST_REPEATED = 5;

export const decide = (rule: EgressRule, registries: readonly Registry[], target: Target): Decision => {
  const { policy } = rule;
  const registry = registries.filter(({ host, port }) => host === target.host && port === target.port);
  const mayBePrivate = registry.some(({ named }) => named);
  if (namesRegistries(policy) && registry.length > 0) {
    return { verdict: 'allowed', reason: 'a package registry', mayBePrivate, portNamed: false };
  }
  const entry = policy.preset === 'custom' ? policy.allow.find((text) => covers(text, target)) : undefined;
  if (entry !== undefined) {
    const portNamed = /:\d+$/.test(entry) && !WEB_PORTS.includes(target.port);
    return { verdict: 'allowed', reason: `allowed by ${entry}`, mayBePrivate, portNamed };
  }
  const reason = `the egress policy "${policy.preset}" does not allow it`;
  return { verdict: 'denied', reason, remedy: remedyFor(rule, registry.length > 0, target) };
};

const namesRegistries = (policy: EgressPolicy): boolean =>
  policy.preset === 'packages' || (policy.preset === 'custom' && policy.allow.includes(REGISTRIES));

/** In a list of hosts these words denote a policy: a host of the same name is ambiguous. */
const PRESETS: readonly string[] = EgressPolicy.options.map(({ shape }) => shape.preset.value);

/** Names that public name servers never answer: they lead to this machine or to private addresses. */
const PRIVATE_NAME = /^[^.]+$|\.(?:internal|local|localhost|home\.arpa)$/;

/** This machine and private addresses: refused when dialling, whatever the policy. */
const isNeverAllowed = ({ host, literal }: Target): boolean =>
  literal ? !isPublicAddress(host) : PRIVATE_NAME.test(host) || host === INTERNAL_AUTHORITY;

/** The smallest policy that allows this in addition to the current one. */
const remedyFor = (
  { policy, during }: EgressRule,
  isRegistry: boolean,
  target: Target,
): string | undefined => {
  if (!isRegistry && (PRESETS.includes(target.host) || isNeverAllowed(target))) return undefined;
  const host = WEB_PORTS.includes(target.port) ? target.host : `${target.host}:${target.port}`;
  const entry = isRegistry ? REGISTRIES : host;
  if (!EgressEntry.safeParse(entry).success) return undefined;
  const before = policy.preset === 'custom' ? policy.allow : policy.preset === 'packages' ? [REGISTRIES] : [];
  const list = [...(before.length > MOST_REPEATED ? ['...'] : before), entry];
  const flag = `--egress ${list.join(',')}`;
  if (during === 'work') return flag;
  return `"egress" in the set-up of the workspace (${list.join(',')}), or ${flag} for a change that brings what its set-up runs`;
};

/** `example.com`, `*.example.com` (names below it, not itself), with `:port` when it is neither 443 nor 80. */
const covers = (entry: string, target: Target): boolean => {
  const [pattern = '', port] = entry.toLowerCase().split(':');
  if (port === undefined ? !WEB_PORTS.includes(target.port) : Number(port) !== target.port) return false;
  if (!pattern.startsWith('*.')) return pattern === target.host;
  return !target.literal && target.host.endsWith(pattern.slice(1));
};
