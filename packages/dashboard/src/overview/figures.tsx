import { ofNouns, useLive } from '../live/use-live.ts';

const WORKING = ['spawning', 'running', 'verifying', 'landing'];

export const Figures = () => {
  const { value } = useLive({
    key: 'figures',
    read: (client, signal) => client.system.stats({}, { signal }),
    concerns: ofNouns('task', 'sandbox'),
  });
  const sum = (counts: Readonly<Record<string, number>> | undefined, states: readonly string[]) =>
    counts === undefined ? '–' : states.reduce((total, state) => total + (counts[state] ?? 0), 0);
  const figures = [
    ['working', sum(value?.tasks, WORKING), 'busy'],
    ['waiting', sum(value?.tasks, ['waiting']), 'wait'],
    ['queued', sum(value?.tasks, ['queued']), 'calm'],
    ['blocked', sum(value?.tasks, ['blocked']), 'calm'],
    ['completed', sum(value?.tasks, ['completed']), 'good'],
    ['failed', sum(value?.tasks, ['failed', 'killed']), 'bad'],
    ['sandboxes', sum(value?.sandboxes, ['running', 'paused']), 'calm'],
  ] as const;
  return (
    <dl className="figures" aria-label="Figures">
      {figures.map(([name, figure, tone]) => (
        <div key={name} className={`card figure ${figure === 0 ? '' : `tone-${tone}`}`}>
          <dt>{name}</dt>
          <dd>{figure}</dd>
        </div>
      ))}
    </dl>
  );
};
