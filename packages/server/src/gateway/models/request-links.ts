/**
 * URLs in a request, which the provider would fetch on the sandbox's behalf: subject to the sandbox's egress policy.
 */
import type { ModelProvider } from '../../config/config.ts';
import type { EgressOptions } from '../egress/admission.ts';
import { parseAuthority, type Target } from '../egress/host.ts';
import { type Decision, decide } from '../egress/policy.ts';
import { type Link, refused } from './request-rules.ts';

export interface LinkRequest {
  readonly sandboxId: string;
  readonly links: readonly Link[];
  readonly provider: Pick<ModelProvider, 'baseUrl'>;
}

/**
 * Rejects with `request.invalid`, naming the path of the first that is not allowed, which is recorded as a denial.
 */
export type LinkJudge = (asked: LinkRequest) => Promise<void>;

export const createLinkJudge =
  ({ ruleOf, registries, record }: Pick<EgressOptions, 'ruleOf' | 'registries' | 'record'>): LinkJudge =>
  async ({ sandboxId, links, provider }) => {
    if (links.length === 0) return;
    const rule = await ruleOf(sandboxId);
    for (const { path, address } of links) {
      const target = targetOf(address);
      if (rule === undefined || target === undefined) throw refused([path], NOT_PLAIN);
      if (target.host === new URL(provider.baseUrl).hostname) throw refused([path], KEPT_THERE);
      const decision = decide(rule, registries, target);
      if (decision.verdict === 'allowed') continue;
      record({ ...factOf(sandboxId, target), ...decision });
      throw refused([path], denialOf(target, decision));
    }
  };

const NOT_PLAIN = 'it must be a data:, http: or https: URL';
const KEPT_THERE =
  "it refers to content stored at the provider under the server's account; send the content itself";

const factOf = (sandboxId: string, { host, port }: Target) => ({
  ...{ key: {}, sandboxId, host, port },
  ...{ address: undefined, sentBytes: 0, receivedBytes: 0 },
});

const denialOf = ({ host, port }: Target, { reason, remedy }: Denied): string => {
  const allow = remedy === undefined ? '' : `allow it with ${remedy}, or `;
  return `the provider would fetch it from ${host}:${port}, and ${reason}; ${allow}send the content itself`;
};

type Denied = Extract<Decision, { verdict: 'denied' }>;

/** Undefined for every form that another parser could read as a different host. */
const targetOf = (address: string): Target | undefined => {
  const parts = /^(https?):\/\/([^/?#@\\\s\p{Cc}]+)(?:[/?#][^\\\s\p{Cc}]*)?$/iu.exec(address);
  const [, scheme = '', authority = ''] = parts ?? [];
  return parts === null ? undefined : parseAuthority(authority, scheme.toLowerCase() === 'https' ? 443 : 80);
};
