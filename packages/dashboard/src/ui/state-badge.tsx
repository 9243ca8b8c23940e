/** A state as a word with a colour; the colour only repeats what the word says. */
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
  /** Whether `running` is a way to an end, as of tasks, or a place to be, as of sandboxes. */
  readonly isWork?: boolean;
}

export const StateBadge = ({ state, isWork = true }: StateBadgeProps) => {
  const isMoving = MOVING.includes(state) || (isWork && state === 'running');
  const tone = !isWork && state === 'running' ? 'good' : (TONES[state] ?? 'calm');
  return <span className={`badge tone-${tone}${isMoving ? ' moving' : ''}`}>{state}</span>;
};
