/** Options are chosen by kind, because their ids differ per agent; never one that the agent would remember. */
import type { PermissionOption, RequestPermissionResponse } from '@agentclientprotocol/sdk';
import type { PermissionDecision } from '@berth/plugin-api';

const KINDS = ['allow_once', 'reject_once'] as const;

export const offeredIn = (options: readonly PermissionOption[]): PermissionDecision[] =>
  KINDS.filter((kind) => options.some((option) => option.kind === kind));

export interface Answer {
  readonly response: RequestPermissionResponse;
  readonly decision: PermissionDecision;
}

/** What is not offered cannot be answered. */
export const answerFor = (options: readonly PermissionOption[], decision: PermissionDecision): Answer => {
  const option = options.find(({ kind }) => kind === decision);
  if (option === undefined) return CANCELLED;
  return { decision, response: { outcome: { outcome: 'selected', optionId: option.optionId } } };
};

export const CANCELLED: Answer = {
  decision: 'cancelled',
  response: { outcome: { outcome: 'cancelled' } },
};
