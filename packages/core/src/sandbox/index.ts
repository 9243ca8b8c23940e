export { askRemoval } from './removal.ts';
export { branchRef, planSandbox, type SandboxPlan } from './spec.ts';
