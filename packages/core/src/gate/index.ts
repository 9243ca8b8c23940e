export { directJudge, type Judge } from './judge.ts';
export { disarmedBy, isSuspect, mayRunTests } from './judges/disarmed.ts';
export { testsOf } from './judges/judges.ts';
export {
  deciding,
  isAgreedTo,
  notCompared,
  removedCommands,
  setupRed,
  weakenedBy,
} from './judges/weakening.ts';
export { alwaysGreen } from './plan/always-green.ts';
export { mayBeHandedOver } from './plan/handed-over.ts';
export {
  type GatePlan,
  gateInputHash,
  groupsOf,
  linked,
  type PlannedCommand,
  planGate,
  planOf,
  readAt,
  readForGate,
} from './plan/plan.ts';
export type { JudgedTree } from './repository/path-index.ts';
export { failedIn, missingTools, programOf, runGate } from './run.ts';
export { failAtEnd } from './suite/alter.ts';
