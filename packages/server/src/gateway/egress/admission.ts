/**
 * Decides about one egress connection and, when it is allowed, opens it: the spelling of the host, the policy, the
 * number of open connections, the name's current addresses. The client's bytes are then checked by the forwarding
 * code (`tunnel.ts`, `forward-request.ts`).
 */
import type { Log } from '@berth/core';
import { type Dialled, dial, ownAddresses } from './dial.ts';
import { parseAuthority, type Target } from './host.ts';
import { createLookup, type Lookup, shareLookups } from './names.ts';
import { type Decision, decide, type EgressRule, type Registry } from './policy.ts';

export interface EgressOptions {
  /** The sandbox's current policy; undefined when the sandbox does not exist. */
  readonly ruleOf: (sandboxId: string) => Promise<EgressRule | undefined>;
  readonly registries: readonly Registry[];
  /** Must not block. Called when a connection is decided, and again with the same `key` when it has ended. */
  readonly record: (connection: ConnectionFact) => void;
  readonly lookup?: Lookup | undefined;
  /** This machine's addresses. Default: those of its interfaces. */
  readonly ownAddresses?: (() => readonly string[]) | undefined;
  readonly log: Log['error'];
  readonly limits?: Partial<EgressLimits> | undefined;
}

export interface ConnectionFact {
  /** Identifies the connection; an object, for uniqueness. */
  readonly key: object;
  readonly sandboxId: string;
  readonly host: string;
  readonly port: number;
  readonly verdict: 'allowed' | 'denied';
  readonly reason: string;
  /** What to configure to allow a denied connection. */
  readonly remedy?: string | undefined;
  readonly address: string | undefined;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface EgressLimits {
  readonly connectionsPerSandbox: number;
  /** Concurrent; other connections wait. */
  readonly lookupsPerSandbox: number;
  readonly dialTimeoutMs: number;
  /** For the first bytes of a tunnel. */
  readonly helloTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

const DEFAULT_LIMITS: EgressLimits = {
  connectionsPerSandbox: 128,
  lookupsPerSandbox: 8,
  dialTimeoutMs: 15_000,
  helloTimeoutMs: 20_000,
  idleTimeoutMs: 5 * 60_000,
};

/** What an allowed tunnel or request needs. */
export interface Allowed {
  readonly target: Target;
  readonly open: Extract<Dialled, { kind: 'open' }>;
  readonly portNamed: boolean;
  readonly limits: EgressLimits;
  /** Called exactly once, when the connection has ended; with a reason when it was cut as forbidden. */
  readonly end: (bytes: { sent: number; received: number }, deniedBecause?: string) => void;
}

export interface Refused {
  readonly status: 403 | 429 | 502;
  readonly message: string;
}

/**
 * @returns a function that requests an authority (`host:port`; default port 80) on behalf of a sandbox
 */
export const createAdmission = (
  options: EgressOptions,
): ((sandboxId: string, authority: string) => Promise<Allowed | Refused>) => {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const slots = createSlots(limits.connectionsPerSandbox);
  const lookUp = shareLookups(options.lookup ?? createLookup(), limits.lookupsPerSandbox);

  return async (sandboxId, authority) => {
    const target = parseAuthority(authority, 80);
    const note = noteOf(options, {
      sandboxId,
      host: target?.host ?? printable(authority),
      port: target?.port ?? 0,
    });
    const deny = (status: Refused['status'], reason: string, address?: string): Refused => {
      note({ verdict: 'denied', reason, address });
      return { status, message: `no connection to ${printable(authority)}: ${reason}` };
    };
    if (target === undefined) return deny(403, 'this is not a canonical host name');
    const decision = await decisionFor(options, sandboxId, target);
    if (decision.verdict === 'denied') {
      const { reason, remedy } = decision;
      note({ verdict: 'denied', reason, remedy, address: undefined });
      return { status: 403, message: `no connection to ${printable(authority)}: ${told(reason, remedy)}` };
    }
    const release = slots.take(sandboxId);
    if (release === undefined) return deny(429, 'too many open connections');

    const { mayBePrivate, portNamed, reason } = decision;
    const lookup: Lookup = (host, signal) => lookUp(sandboxId, host, signal);
    const dialled = await dial(lookup, target, {
      mayBePrivate,
      ownAddresses: options.ownAddresses ?? ownAddresses,
      timeoutMs: limits.dialTimeoutMs,
    });
    if (dialled.kind !== 'open') {
      release();
      return deny(dialled.kind === 'refused' ? 403 : 502, dialled.reason, dialled.address);
    }
    const { address } = dialled;
    note({ verdict: 'allowed', reason, address });
    const end: Allowed['end'] = (bytes, deniedBecause) => {
      release();
      const verdict = deniedBecause === undefined ? 'allowed' : 'denied';
      note({ verdict, reason: deniedBecause ?? reason, address, bytes });
    };
    return { target, open: dialled, portNamed, limits, end };
  };
};

/** For the program inside, and through it for the agent, which cannot allow it but can report how to. */
const told = (reason: string, remedy: string | undefined): string =>
  remedy === undefined ? reason : `${reason}; the user can allow it with ${remedy}`;

interface Note {
  readonly verdict: 'allowed' | 'denied';
  readonly reason: string;
  readonly remedy?: string | undefined;
  readonly address: string | undefined;
  readonly bytes?: { readonly sent: number; readonly received: number };
}

const noteOf = (
  options: EgressOptions,
  facts: { readonly sandboxId: string; readonly host: string; readonly port: number },
) => {
  const key = {};
  return ({ verdict, reason, remedy, address, bytes = { sent: 0, received: 0 } }: Note): void => {
    const counted = { sentBytes: bytes.sent, receivedBytes: bytes.received };
    options.record({ key, ...facts, verdict, reason, remedy, address, ...counted });
  };
};

/** Counts open connections by sandbox. `take` returns a release function, or undefined when the limit is reached. */
const createSlots = (limit: number) => {
  const taken = new Map<string, number>();
  return {
    take: (sandboxId: string): (() => void) | undefined => {
      const count = taken.get(sandboxId) ?? 0;
      if (count >= limit) return undefined;
      taken.set(sandboxId, count + 1);
      return () => {
        const left = (taken.get(sandboxId) ?? 1) - 1;
        if (left === 0) taken.delete(sandboxId);
        else taken.set(sandboxId, left);
      };
    },
  };
};

/** An unknown policy denies everything. */
const decisionFor = async (options: EgressOptions, sandboxId: string, target: Target): Promise<Decision> => {
  const rule = await options.ruleOf(sandboxId);
  if (rule === undefined) return { verdict: 'denied', reason: 'the sandbox is unknown' };
  return decide(rule, options.registries, target);
};

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
