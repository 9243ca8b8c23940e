export { askRemoval } from './removal.ts';
export { planSandbox, type SandboxPlan, type SetupPlan, setupOf } from './spec.ts';
