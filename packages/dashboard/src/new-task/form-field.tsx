import type { ReactNode } from 'react';

interface FormFieldProps {
  readonly label: string;
  readonly hint?: string | undefined;
  readonly problem: string | undefined;
  readonly children: ReactNode;
}

/** A label around its control, with what the server had against its content. */
export const FormField = ({ label, hint, problem, children }: FormFieldProps) => (
  // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child.
  <label className={`field${problem === undefined ? '' : ' has-problem'}`}>
    <span>{label}</span>
    {children}
    {problem === undefined ? (
      hint !== undefined && <span className="soft">{hint}</span>
    ) : (
      <span className="problem told" role="alert">
        {problem}
      </span>
    )}
  </label>
);
