export { judgeChanges } from './judges/judges.ts';
export { linesAmong } from './judges/neighbour-lines.ts';
export { deciding, isAgreedTo, removedCommands, setupRed, weakenedBy } from './judges/weakening.ts';
export { alwaysGreen } from './plan/always-green.ts';
export {
  type GatePlan,
  gateInputHash,
  groupsOf,
  type PlannedCommand,
  planGate,
  planOf,
  readAt,
  readForGate,
} from './plan/plan.ts';
export { failedIn, missingTools, programOf, runGate } from './run.ts';
