export { lose, type Remover, recover, removedUnderWork, removeFor, requestRemoval } from './removal.ts';
export {
  ATTEMPT_SLOT_TOPIC,
  createSandboxSlots,
  isKept,
  isNotDestroyed,
  LEFT_BY_ATTEMPTS,
  NOT_DESTROYED,
  SLOT_FREEING_EVENTS,
  SLOT_TOPIC,
} from './slots.ts';
export { branchRef, planSandbox, readRefsOf, type SandboxPlan, targetRefs } from './spec.ts';
