/** Whether a sandbox may reach a host and a port at all, before any name is resolved. Denied unless something allows. */
import type { EgressPolicy } from '@berth/contract';
import type { Target } from './host.ts';

/** A host that the user's package tools fetch from. */
export interface Registry {
  readonly host: string;
  readonly port: number;
  /** Written in the user's configuration, not a tool's default: then it may be a private address. */
  readonly named: boolean;
}

export type Decision =
  | {
      readonly verdict: 'allowed';
      readonly reason: string;
      /** The user's own configuration vouches for the host, wherever it lies. */
      readonly mayBePrivate: boolean;
      /** The policy names this very port, so it need not speak TLS or HTTP. */
      readonly portNamed: boolean;
    }
  | { readonly verdict: 'denied'; readonly reason: string };

const WEB_PORTS: readonly number[] = [443, 80];

export const decide = (policy: EgressPolicy, registries: readonly Registry[], target: Target): Decision => {
  const registry = registries.filter(({ host, port }) => host === target.host && port === target.port);
  const mayBePrivate = registry.some(({ named }) => named);
  if (policy.preset === 'packages' && registry.length > 0) {
    return { verdict: 'allowed', reason: 'a package registry', mayBePrivate, portNamed: false };
  }
  const entry = policy.preset === 'custom' ? policy.allow.find((text) => covers(text, target)) : undefined;
  if (entry !== undefined) {
    const portNamed = /:\d+$/.test(entry) && !WEB_PORTS.includes(target.port);
    return { verdict: 'allowed', reason: `allowed by ${entry}`, mayBePrivate, portNamed };
  }
  return { verdict: 'denied', reason: `the egress policy "${policy.preset}" does not allow it` };
};

/** `example.com`, `*.example.com` (names below it, not itself), with `:port` when it is neither 443 nor 80. */
const covers = (entry: string, target: Target): boolean => {
  const [pattern = '', port] = entry.toLowerCase().split(':');
  if (port === undefined ? !WEB_PORTS.includes(target.port) : Number(port) !== target.port) return false;
  if (!pattern.startsWith('*.')) return pattern === target.host;
  return !target.literal && target.host.endsWith(pattern.slice(1));
};
