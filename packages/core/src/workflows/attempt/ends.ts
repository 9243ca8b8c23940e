/**
 * How an attempt can end, as its task requests. Ends such as review, answer, serve or compare need a name in
 * the contract's `AttemptEnd` and a strategy here; a name without a strategy is refused when a task is
 * created.
 */
import type { AttemptEnd } from '@berth/contract';
import { LAND } from './land.ts';
import type { EndStrategy } from './round.ts';

export const ENDS: Readonly<Record<AttemptEnd, EndStrategy>> = { land: LAND };
