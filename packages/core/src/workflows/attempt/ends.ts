/**
 * How an attempt can end, by what its task asks for. Work that is to be reviewed, answered with, served or compared gets
 * a name in `AttemptEnd` of the contract and its strategy here; a name without one is refused when a task is created.
 */
import type { AttemptEnd } from '@berth/contract';
import { LAND } from './land.ts';
import type { EndStrategy } from './round.ts';

export const ENDS: Readonly<Record<AttemptEnd, EndStrategy>> = { land: LAND };
