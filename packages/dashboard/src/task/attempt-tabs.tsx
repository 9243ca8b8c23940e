import type { Attempt } from '@berth/contract';

interface AttemptTabsProps {
  readonly attempts: readonly Attempt[];
  readonly chosen: Attempt | undefined;
  readonly onChoose: (number: number) => void;
}

/** Every retry and follow-up is a separate attempt; the newest is shown unless another one is selected. */
export const AttemptTabs = ({ attempts, chosen, onChoose }: AttemptTabsProps) => {
  if (attempts.length < 2) return null;
  return (
    <div className="tabs">
      {attempts.map(({ id, number, state }) => (
        <button
          key={id}
          type="button"
          className="quiet"
          aria-pressed={id === chosen?.id}
          aria-label={`Attempt ${number}, ${state}`}
          onClick={() => onChoose(number)}
        >
          {number}
        </button>
      ))}
    </div>
  );
};
