export { askRemoval } from './removal.ts';
export { planSandbox, type SandboxPlan } from './spec.ts';
