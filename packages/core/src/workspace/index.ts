export { workspaceOf } from './find.ts';
export { gateIssues } from './gate-issues.ts';
