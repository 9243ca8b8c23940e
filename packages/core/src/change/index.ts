export { advanceTargets, withdrawTargets } from './advance.ts';
export * from './landing-turns.ts';
export { changeRef, dropRef, judgeRef, type MergedPart, mergeParts } from './merge.ts';
