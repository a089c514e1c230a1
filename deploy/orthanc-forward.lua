-- A series that has come completely goes on to lookalike, which passes over what it has already.
-- What could not be sent, since lookalike was down, is brought by the pull service.
function OnStableSeries(seriesId, tags, metadata)
  RestApiPost('/modalities/lookalike/store', DumpJson({Resources = {seriesId}, Synchronous = false}))
end
