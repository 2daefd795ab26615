/** What `understudy doctor` finds out about one thing that a daemon needs. */
export interface Finding {
  /** The thing; does not change between versions. */
  readonly name: string;
  /** `ok`: as it should be; `reduced`: a daemon runs, with `instead`; `missing`: no daemon works here. */
  readonly state: 'ok' | 'reduced' | 'missing';
  /** What was found. */
  readonly found: string;
  /** `reduced`: what a daemon does instead. */
  readonly instead?: string;
  /** What to do about it, unless it is ok. */
  readonly remedy?: string;
}
