export { advanceTargets, withdrawTargets } from './advance.ts';
export { changeRef, dropRef, judgeRef, type MergedPart, mergeParts } from './merge.ts';
export * from './precedence.ts';
