export { alwaysGreen } from './always-green.ts';
export { judgeChanges } from './judges.ts';
export { linesInto } from './neighbours.ts';
export {
  type GatePlan,
  gateInputHash,
  groupsOf,
  type PlannedCommand,
  planGate,
  planOf,
  readAt,
  readForGate,
} from './plan.ts';
export { programOf } from './program.ts';
export { failedIn, missingTools, runGate } from './run.ts';
export { deciding, isAgreedTo, removedCommands, setupRed, weakenedBy } from './weakening.ts';
