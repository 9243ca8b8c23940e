/** The answer to a prompt, read leniently: fields that agents add to the protocol are used where they make sense. */
import type { TurnEnd } from '@berth/plugin-api';
import { z } from 'zod';

const count = z.int().min(0);
const Answer = z.object({
  stopReason: z.string(),
  usage: z
    .object({ inputTokens: count, outputTokens: count, cachedReadTokens: count.nullish() })
    .nullish()
    .catch(undefined),
});

export const readAnswer = (response: unknown): Pick<TurnEnd, 'stop' | 'detail' | 'usage'> => {
  const { stopReason, usage } = Answer.parse(response);
  return {
    ...stopOf(stopReason),
    ...(usage == null
      ? {}
      : {
          usage: {
            inputTokens: usage.inputTokens,
            cachedInputTokens: usage.cachedReadTokens ?? 0,
            outputTokens: usage.outputTokens,
          },
        }),
  };
};

const stopOf = (stopReason: string): Pick<TurnEnd, 'stop' | 'detail'> => {
  if (stopReason === 'end_turn') return { stop: 'end' };
  if (stopReason === 'cancelled') return { stop: 'cancelled' };
  return { stop: 'stopped', detail: stopReason };
};
