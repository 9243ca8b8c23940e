/** The requests of one turn, in order: initialize, open or resume, mode, prompt; and those that cancel it. */

import type { ClientContext, InitializeResponse } from '@agentclientprotocol/sdk';
import type { AgentWorld, TurnEnd, TurnInput } from '@berth/plugin-api';
import { z } from 'zod';
import type { Timers } from './end-process.ts';
import { type Blame, failure } from './errors.ts';
import type { Items } from './items.ts';
import { keptSession, type Opened, openSession } from './session.ts';
import type { TurnState } from './states.ts';

/** Everything that one turn over ACP needs to know. */
export interface AcpTurn {
  readonly agent: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The agent's mode with the fewest permission requests; used when offered. */
  readonly mode: string | undefined;
  /** Detects that the turn has failed when its end will look like success. */
  readonly isFailure: ((params: unknown) => boolean) | undefined;
  readonly toolMs: number;
  readonly input: TurnInput;
  readonly world: AgentWorld;
  readonly timers: Timers;
}

export const blameOf = (turn: AcpTurn): Blame => ({
  agent: turn.agent,
  model: turn.world.model,
});

export interface Conversation {
  run(items: Items): Promise<TurnEnd>;
  cancel(): void;
  close(): void;
}

export const createConversation = (turn: AcpTurn, agent: ClientContext, life: TurnState): Conversation => {
  let hello: InitializeResponse | undefined;
  let opened: Opened | undefined;
  let prompted = false;
  let cancelAsked = false;
  const sendCancel = () => {
    if (opened === undefined || !prompted || !cancelAsked) return;
    // Fails only when the connection is closed, and then the turn has ended: there is nothing left to cancel.
    agent.notify('session/cancel', { sessionId: opened.sessionId }).catch(() => undefined);
  };
  return {
    async run(items) {
      hello = await agent.request('initialize', {
        protocolVersion: 1,
        clientCapabilities: {},
        clientInfo: { name: 'berth', version: '1' },
      });
      life.move('initialized');
      opened = await openSession(agent, hello, turn.input);
      if (turn.mode !== undefined && opened.modes.includes(turn.mode))
        await agent.request('session/set_mode', { sessionId: opened.sessionId, modeId: turn.mode });
      life.move('opened');
      life.move('prompted');
      const answer = agent.request('session/prompt', {
        sessionId: opened.sessionId,
        prompt: [{ type: 'text', text: turn.input.prompt }],
      });
      prompted = true;
      sendCancel();
      return endOf(turn, readAnswer(await answer), { opened, items, life });
    },
    cancel: () => {
      cancelAsked = true;
      sendCancel();
    },
    close: () => {
      if (opened === undefined || hello?.agentCapabilities?.sessionCapabilities?.close == null) return;
      // As above; and an agent that refuses is killed by the next step of the escalation.
      agent.request('session/close', { sessionId: opened.sessionId }).catch(() => undefined);
    },
  };
};

const endOf = (
  turn: AcpTurn,
  answer: ReturnType<typeof readAnswer>,
  { opened, items, life }: { opened: Opened; items: Items; life: TurnState },
): TurnEnd => {
  life.move('answered');
  items.finish();
  const reason = items.failure();
  if (reason !== undefined && answer.stop === 'end') throw failure(reason, blameOf(turn));
  return { ...answer, session: keptSession(opened.sessionId), continued: opened.continued };
};

/** The answer to a prompt, read leniently: fields that agents add to the protocol are used where they make sense. */
const count = z.int().min(0);
const Answer = z.object({
  stopReason: z.string(),
  usage: z
    .object({ inputTokens: count, outputTokens: count, cachedReadTokens: count.nullish() })
    .nullish()
    .catch(undefined),
});

const readAnswer = (response: unknown): Pick<TurnEnd, 'stop' | 'detail' | 'usage'> => {
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
