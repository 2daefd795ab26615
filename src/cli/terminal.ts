/** Where commands write: standard output for answers, standard error for what went wrong. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
}

export const standardTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};
