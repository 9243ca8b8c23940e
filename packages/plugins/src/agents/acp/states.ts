/**
 * The state of a conversation with an agent. Only in `running`, `blocked` and `cancelling` do the agent's updates
 * belong to this turn; earlier ones replay a previous conversation.
 */
import { next, type StateOf, type TriggerOf, table } from '@berth/contract';
import type { Watchdog } from './watchdog.ts';

export const acpStates = table({
  /** Its process was started and has not sent a valid ACP message. */
  spawning: { spoke: 'handshaking', lost: 'lost', cancel_asked: 'cancelling' },
  handshaking: {
    initialized: 'opening',
    auth_required: 'needs_auth',
    lost: 'lost',
    cancel_asked: 'cancelling',
  },
  /** No login is possible here: the turn fails. */
  needs_auth: { closed: 'closed', lost: 'lost' },
  opening: { opened: 'idle', auth_required: 'needs_auth', lost: 'lost', cancel_asked: 'cancelling' },
  idle: { prompted: 'running', closed: 'closed', lost: 'lost', cancel_asked: 'cancelling' },
  running: {
    permission_asked: 'blocked',
    answered: 'idle',
    auth_required: 'needs_auth',
    lost: 'lost',
    cancel_asked: 'cancelling',
  },
  blocked: { permission_answered: 'running', lost: 'lost', cancel_asked: 'cancelling' },
  cancelling: { answered: 'idle', lost: 'lost' },
  closed: {},
  /** The process exited, or was killed, before it answered. */
  lost: {},
});

/** The state of one conversation: changes only as its table allows, and notifies the watchdog. */
export interface TurnState {
  state(): StateOf<typeof acpStates>;
  /** False when the transition is not possible now: it came too late. */
  move(trigger: TriggerOf<typeof acpStates>): boolean;
}

export const createTurnState = (watchdog: Watchdog): TurnState => {
  let state: StateOf<typeof acpStates> = 'spawning';
  return {
    state: () => state,
    move(trigger) {
      const entered = next(acpStates, state, trigger);
      if (entered === undefined) return false;
      state = entered;
      watchdog.enter(state);
      return true;
    },
  };
};

export const isInTurn = (life: TurnState): boolean =>
  ['running', 'blocked', 'cancelling'].includes(life.state());
