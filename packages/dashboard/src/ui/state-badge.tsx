/** A state as a coloured word; the colour only repeats the word. */
const TONES: Readonly<Record<string, string>> = {
  completed: 'good',
  merged: 'good',
  green: 'good',
  approved: 'good',
  failed: 'bad',
  killed: 'bad',
  red: 'bad',
  broken: 'bad',
  rejected: 'bad',
  error: 'bad',
  waiting: 'wait',
  blocked: 'wait',
  stuck: 'bad',
  spawning: 'busy',
  running: 'busy',
  verifying: 'busy',
  landing: 'busy',
  merging: 'busy',
  creating: 'busy',
  deleting: 'busy',
  undoing: 'busy',
};

const MOVING: readonly string[] = [
  'spawning',
  'verifying',
  'landing',
  'merging',
  'creating',
  'deleting',
  'undoing',
];

interface StateBadgeProps {
  readonly state: string;
  /** Whether `running` means progress, as for tasks, or a steady state, as for sandboxes. */
  readonly isWork?: boolean;
}

export const StateBadge = ({ state, isWork = true }: StateBadgeProps) => {
  const isMoving = MOVING.includes(state) || (isWork && state === 'running');
  const tone = !isWork && state === 'running' ? 'good' : (TONES[state] ?? 'calm');
  return <span className={`badge tone-${tone}${isMoving ? ' moving' : ''}`}>{state}</span>;
};
