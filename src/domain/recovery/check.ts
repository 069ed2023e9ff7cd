/** One check of the restored cluster. `noted` states something without judging it. */
export interface CheckResult {
	readonly name: string
	readonly outcome: 'passed' | 'failed' | 'noted'
	readonly expected: string
	readonly found: string
}
