/**
 * Where a conversation with an agent is. Only in `running`, `blocked` and `cancelling` does what the agent says belong
 * to this turn; what it says earlier is the replay of an older conversation.
 */
import { next, type StateOf, type TriggerOf, table } from '@berth/contract';
import type { Watchdog } from './watchdog.ts';

export const acpStates = table({
  /** Its process was asked for and has said nothing that is ACP. */
  spawning: { spoke: 'handshaking', lost: 'lost', cancel_asked: 'cancelling' },
  handshaking: {
    initialized: 'opening',
    auth_required: 'needs_auth',
    lost: 'lost',
    cancel_asked: 'cancelling',
  },
  /** Nobody can log in here: the turn fails. */
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
  /** The process ended, or was ended, before it answered. */
  lost: {},
});

/** The state of one conversation: moves only as its table says, and tells the watchdog. */
export interface TurnState {
  state(): StateOf<typeof acpStates>;
  /** False when the move is not possible now: it came too late. */
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
