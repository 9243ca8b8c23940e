export {
  egressOfChange,
  runsOwnCode,
  type SetupSide,
  setupChanges,
  setupLines,
  type WorkEgress,
} from './changes.ts';
export { setupInputHash } from './inputs.ts';
export { type FilesByRepository, keptOfSetup, planSetup } from './plan.ts';
