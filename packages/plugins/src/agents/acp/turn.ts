/**
 * One turn over ACP: start the program, initialize, open the conversation, prompt, follow until the answer, end the
 * program. Three things can end it before its answer: the process exits, the watchdog times out, or it is cancelled.
 * The state table (`states.ts`) defines the transitions; one that it does not allow comes too late and is ignored.
 *
 * A turn may be run again under the same `execId` while its process runs or after it has ended; see `transport.ts`.
 */
import { client } from '@agentclientprotocol/sdk';
import { fail } from '@berth/contract';
import type { ExecExit, PermissionDecision, PermissionRequest, Process, TurnEnd } from '@berth/plugin-api';
import { type AcpTurn, blameOf, type Conversation, createConversation } from './conversation.ts';
import { climbCancelLadder, endProcess } from './end-process.ts';
import { agentError } from './errors.ts';
import { createItems, type Items } from './items.ts';
import { answerFor, CANCELLED, offeredIn } from './permission.ts';
import { createTurnState, isInTurn, type TurnState } from './states.ts';
import { createTransport, type Transport } from './transport.ts';
import { readUpdate, ToolUpdate } from './update.ts';
import { createWatchdog, failureOf } from './watchdog.ts';

/** Agents write their conversation to disk when their input closes; the slowest takes about four seconds. */
const LEAVE_MS = 6_000;

const MISSED = 'its output exceeds what is kept across a server restart, so its turn cannot be resumed';

export const runTurn = async (turn: AcpTurn): Promise<TurnEnd> => {
  const { world, input, timers } = turn;
  const replayed = (await world.sandbox.attach(input.execId)) !== undefined;
  if (world.signal.aborted && !replayed) return { stop: 'cancelled', continued: input.session === undefined };
  const process = await world.sandbox.start({
    id: input.execId,
    argv: turn.argv,
    cwd: input.cwd,
    env: turn.env,
    keep: 'all',
    contained: true,
  });
  const talk = createTalk(turn, process);
  const reading = new AbortController();
  const exited = talk.transport.pump(reading.signal);
  let graceMs = 0;
  try {
    const end = await Promise.race([talk.answered(), exited.then((exit) => talk.lost(exit)), talk.givenUp]);
    if (end.session !== undefined) graceMs = LEAVE_MS;
    return end;
  } catch (error) {
    throw agentError(error, blameOf(turn));
  } finally {
    talk.stop();
    await endProcess(process, exited, graceMs, timers);
    reading.abort();
  }
};

interface Talk {
  readonly transport: Transport;
  answered(): Promise<TurnEnd>;
  /** What the end of the process means. */
  lost(exit: ExecExit): TurnEnd;
  /** Settles when the watchdog or the cancellation times out. */
  readonly givenUp: Promise<TurnEnd>;
  stop(): void;
}

const createTalk = (turn: AcpTurn, process: Process): Talk => {
  const { world, timers } = turn;
  const items = createItems((id, body) => world.emit(id, body), timers);
  const givenUp = Promise.withResolvers<TurnEnd>();
  const limits = { ...world.limits, toolMs: turn.toolMs };
  const watchdog = createWatchdog(limits, timers, (expiry) => givenUp.reject(failureOf(turn.agent, expiry)));
  const life = createTurnState(watchdog);
  const transport = createTransport(process, {
    heard: () => {
      life.move('spoke');
      watchdog.heard(items.toolsInFlight());
    },
    notified: (method, params) => {
      if (method !== 'session/update' || !isInTurn(life)) return;
      if (turn.isFailure?.(params) === true) items.fail();
      const update = readUpdate(params)?.update;
      if (update !== undefined) items.apply(update);
      watchdog.heard(items.toolsInFlight());
    },
    unsent: givenUp.reject,
    missed: () => givenUp.reject(fail('agent.failed', { agent: turn.agent, detail: MISSED })),
  });
  const connection = connect(turn, { transport, life, items, undecided: givenUp.reject });
  const cancelled: TurnEnd = { stop: 'cancelled', continued: turn.input.session === undefined };
  const conversation = createConversation(turn, connection.agent, life);
  const cancelling = watchCancel(turn, {
    life,
    conversation,
    end: () => givenUp.resolve(cancelled),
  });
  return {
    transport,
    givenUp: givenUp.promise,
    answered: () => conversation.run(items),
    lost: (exit) => {
      life.move('lost');
      if (world.signal.aborted) return cancelled;
      throw fail('agent.crashed', { agent: turn.agent, exitCode: exit.exitCode, tail: transport.noise() });
    },
    stop: () => {
      cancelling.stop();
      watchdog.stop();
      items.finish();
      connection.close();
    },
  };
};

interface Connecting {
  readonly transport: Transport;
  readonly life: TurnState;
  readonly items: Items;
  readonly undecided: (error: unknown) => void;
}

/** Only permission requests are answered. The client offers no files or terminals, so requesting them is an error. */
const connect = ({ world }: AcpTurn, { transport, life, items, undecided }: Connecting) => {
  let permissions = 0;
  return client({ name: 'berth' })
    .onRequest('session/request_permission', async ({ params: { options, toolCall } }) => {
      const asked = life.move('permission_asked');
      const tool = ToolUpdate.safeParse(toolCall).data;
      if (tool !== undefined) items.tool(tool);
      permissions += 1;
      const id = `permission:${permissions}`;
      const title = (toolCall.title ?? toolCall.kind ?? 'a tool').slice(0, 500);
      const request = { id, title, offered: offeredIn(options) };
      const answer = asked ? answerFor(options, await decided(world, request, undecided)) : CANCELLED;
      // A turn that is being cancelled answers nothing else, as the protocol demands.
      const { response, decision } = world.signal.aborted ? CANCELLED : answer;
      items.add(id, { kind: 'permission', title, decision });
      life.move('permission_answered');
      return response;
    })
    .connect(transport.stream);
};

/** Without a decision the turn ends, and the agent is told that it is cancelled. */
const decided = async (
  world: AcpTurn['world'],
  request: PermissionRequest,
  undecided: (error: unknown) => void,
): Promise<PermissionDecision> => {
  try {
    return await world.decide(request);
  } catch (error) {
    undecided(error);
    return 'cancelled';
  }
};

const watchCancel = (
  turn: AcpTurn,
  { life, conversation, end }: { life: TurnState; conversation: Conversation; end: () => void },
): { stop(): void } => {
  const { signal } = turn.world;
  let stepOff: (() => void) | undefined;
  const begin = () => {
    life.move('cancel_asked');
    stepOff = climbCancelLadder({ cancel: conversation.cancel, close: conversation.close, end }, turn.timers);
  };
  if (signal.aborted) begin();
  else signal.addEventListener('abort', begin, { once: true });
  return {
    stop: () => {
      signal.removeEventListener('abort', begin);
      stepOff?.();
    },
  };
};
