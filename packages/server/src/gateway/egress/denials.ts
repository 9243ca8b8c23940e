/**
 * Which denials to report: each host and port of a sandbox once, and only the first hosts. A program inside that
 * requests a thousand names cannot flood the log.
 */
import type { ConnectionFact } from './admission.ts';

const MOST_HOSTS_PER_SANDBOX = 20;
/** The least recently reported sandbox is evicted first; some of its denials may then be reported again. */
const MOST_SANDBOXES = 1000;

export type Denial = ConnectionFact & { readonly remedy: string };

export interface Denials {
  newOf(facts: readonly ConnectionFact[]): readonly Denial[];
}

export const createDenials = (): Denials => {
  const told = new Map<string, Set<string>>();

  const isNew = ({ sandboxId, host, port }: ConnectionFact): boolean => {
    const hosts = told.get(sandboxId) ?? new Set();
    const name = `${host}:${port}`;
    if (hosts.has(name) || hosts.size >= MOST_HOSTS_PER_SANDBOX) return false;
    told.delete(sandboxId);
    told.set(sandboxId, hosts.add(name));
    const [oldest] = told.keys();
    if (told.size > MOST_SANDBOXES && oldest !== undefined) told.delete(oldest);
    return true;
  };

  return { newOf: (facts) => facts.filter(canBeAllowed).filter(isNew) };
};

const canBeAllowed = (fact: ConnectionFact): fact is Denial => fact.remedy !== undefined;
