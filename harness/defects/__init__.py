"""That the cases catch what is wrong: they run against labs that have one defect each (`harness/lab/defects`)."""
