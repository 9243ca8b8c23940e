/**
 * Permissions are granted immediately: the sandbox is the boundary, and nobody watches it. Options are chosen by
 * kind, because their ids differ per agent; never one that the agent would remember.
 */
import type { PermissionOption, RequestPermissionResponse } from '@agentclientprotocol/sdk';

export interface Decision {
  readonly response: RequestPermissionResponse;
  readonly decision: 'allow_once' | 'reject_once' | 'cancelled';
}

export const decide = (options: readonly PermissionOption[]): Decision => {
  for (const decision of ['allow_once', 'reject_once'] as const) {
    const option = options.find((offered) => offered.kind === decision);
    if (option !== undefined)
      return { decision, response: { outcome: { outcome: 'selected', optionId: option.optionId } } };
  }
  return CANCELLED;
};

export const CANCELLED: Decision = {
  decision: 'cancelled',
  response: { outcome: { outcome: 'cancelled' } },
};
