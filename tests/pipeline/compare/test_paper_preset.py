from pipeline.compare import published
from pipeline.config import load_config


def test_the_papers_preset_is_ali_ccp_with_the_papers_settings():
    paper, ali_ccp = load_config(published.PRESET), load_config("ali_ccp")
    assert paper.name == published.PRESET
    assert (paper.schema_file, paper.data, paper.fields) == (ali_ccp.schema_file, ali_ccp.data, ali_ccp.fields)
    assert (paper.model.embedding_dim, paper.model.hidden_units) == (18, (360, 200, 80))
    # Ma et al., SIGIR 2018, section 3.1: the rates that were searched.
    assert paper.model.aman.rate in (0.1, 0.2, 0.5, 1.0)
    assert paper.model.oversampling.copies in (2, 3, 5, 10)
    assert (paper.train.epochs, paper.train.final_learning_rate) == (1, 1.0)
