"""The CDK app: `cdk deploy --context stage=production`. Synthesis needs no credentials and no Docker."""

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.data_stack import DataStack
from infra.service_stack import ServiceStack
from infra.stages import DEV, STAGES, Stage


def build(app: App, stage: Stage) -> None:
    """Adds the stacks of `stage` to `app`. The data's stack stands alone: the service can be destroyed without it."""
    data = DataStack(app, f"talktime-{stage.name}-data", stage=stage)
    ServiceStack(app, f"talktime-{stage.name}-service", stage=stage, tables=data.tables)
    if stage.on_aws:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def main() -> None:
    app = App()
    build(app, STAGES[app.node.try_get_context("stage") or DEV.name])
    app.synth()


if __name__ == "__main__":
    main()
