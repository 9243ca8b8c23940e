/** The state of one conversation: moves only as its table says, and tells the watchdog. */
import { next, type StateOf, type TriggerOf } from '@berth/contract';
import { acpStates } from './states.ts';
import type { Watchdog } from './watchdog.ts';

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
