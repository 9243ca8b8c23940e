/**
 * Where a conversation with an agent is. Only in `running`, `blocked` and `cancelling` does what the agent says belong
 * to this turn; what it says earlier is the replay of an older conversation.
 */
import { table } from '@berth/contract';

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
