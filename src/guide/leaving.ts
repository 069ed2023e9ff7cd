import {shellText} from '../domain/text.ts'
import type {GuideState} from './state.ts'

/** What leaving now leaves behind, in words: shown before it is done, and printed after. */
export function leavesBehind({step, options}: GuideState): readonly string[] {
	switch (step.name) {
		case 'survey':
		case 'browse':
		case 'incident':
		case 'boundaries':
		case 'target':
		case 'plan':
		case 'confirm':
			return [`Nothing was written. ${options.source} was only read.`]
		case 'restore': {
			const {plan} = step
			if (step.trouble !== undefined) {
				return step.leaves.length === 0
					? ['The restore failed and what it had made was removed.', `lastgood runbook ${plan.recovery}`]
					: [
							`The restore failed. It leaves ${step.leaves.join(' and ')}.`,
							`lastgood abandon ${plan.recovery} --yes removes them.`,
						]
			}
			return [
				`The restored server goes on replaying in ${plan.destination} and will hold at the target.`,
				`lastgood status ${plan.recovery}`,
			]
		}
		case 'inspect':
		case 'decide': {
			const held = step.name === 'inspect' ? step.held : step.back.held
			if (step.name === 'decide' && step.working) {
				const what = step.selected === 'promote' ? 'The promotion' : 'The removal'
				return [
					`${what} of ${held.plan.destination} was asked for, and how it ends is not known yet.`,
					`lastgood status ${held.plan.recovery}`,
				]
			}
			return [
				`The restored server holds at the target in ${held.plan.destination}, not promoted.`,
				`look at it:  ${shellText(held.connect)}`,
				`go on:       lastgood promote ${held.plan.recovery} --yes`,
				`remove it:   lastgood abandon ${held.plan.recovery} --yes`,
			]
		}
		case 'runbook': {
			const runbook = `runbook: ${step.path ?? `lastgood runbook ${step.plan.recovery}`}`
			switch (step.outcome.kind) {
				case 'promoted':
					return [
						`Promoted: ${step.plan.destination} runs on timeline ${step.outcome.timeline}, on its private socket ${step.plan.socketDirectory}, port ${step.plan.port}.`,
						runbook,
					]
				case 'abandoned':
					return ['Abandoned: what was restored was removed.', runbook]
				case 'failed':
					return [`Failed: ${step.outcome.message}`, runbook]
				default:
					return step.outcome satisfies never
			}
		}
		default:
			return step satisfies never
	}
}
